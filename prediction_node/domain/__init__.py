"""Values shared by all stages: numpy only, frozen, validated where they are made."""
