"""Everything a vehicle says: the messages of its sensors, its odometry, its transforms."""
