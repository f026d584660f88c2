"""A small planner: candidate trajectories, a choice by predictions, and a body that follows."""
