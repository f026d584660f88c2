"""Usual figures of the four kinds of sensors."""

from __future__ import annotations

from typing import Any

from prediction_node.domain.kinds import Modality

# The figures of the four modalities; what a data sheet leaves open is chosen as follows.
# LiDAR: a filter with constant velocity and 2 m/s2 of manoeuvre noise, fed 0.10 m at 10 Hz, settles
# at 0.33 m/s of velocity noise, in either direction: 0.3. Radar: the speed along the line of sight
# is measured (Doppler); the one across follows from bearings alone. The same filter would settle
# near 0.5 m/s at 60 m, but reflections wander over a body for seconds, which no filter averages
# out: 1.5. Sizes: a tenth, for cameras, which see one side, a fifth. Attributes need pixels: up to
# 50 m.
#
# Fog: light loses 95 % over the visibility V (meteorological optical range, WMO No. 8), a factor of
# exp(-3 r / V) over r. A camera sees until the contrast is gone: V. The light of a LiDAR goes both
# ways and its echo fades with r^2 besides, so what remains of its range R solves
# exp(-6 r / V) = (r / R)^2: 0.47, 0.35, 0.25 V at V = 50, 100, 200 m for R = 100 m. Radar waves are
# hundreds of times as long as drops are wide; heat is taken to pass as well.
MODALITY_FIGURES: dict[Modality, dict[str, Any]] = {
    Modality.CAMERA: {
        'x_m': 1.4,
        'z_m': 1.7,
        'range_m': 120.0,
        'night_range_factor': 0.5,
        'fog_reach': 1.0,
        'rate_hz': 10.0,
        'latency_ms': 90.0,
        'sigma_along_fraction': 0.03,
        'sigma_across_deg': 0.3,
        'sigma_size_fraction': 0.2,
        'dropout': 0.08,
        'class_right': 0.95,
        'attribute_range_m': 50.0,
    },
    Modality.LIDAR: {
        'x_m': 1.4,
        'z_m': 1.9,
        'range_m': 100.0,
        'fog_reach': 0.35,
        'rate_hz': 10.0,
        'latency_ms': 60.0,
        'sigma_along_m': 0.10,
        'sigma_across_m': 0.10,
        'sigma_yaw_deg': 3.0,
        'sigma_size_fraction': 0.1,
        'sigma_speed_along_mps': 0.3,
        'sigma_speed_across_mps': 0.3,
        'dropout': 0.03,
        'class_right': 0.85,
    },
    Modality.RADAR: {
        'x_m': 1.4,
        'z_m': 0.6,
        'range_m': 180.0,
        'rate_hz': 15.0,
        'latency_ms': 40.0,
        'sigma_along_m': 0.5,
        'sigma_across_deg': 0.8,
        'sigma_speed_along_mps': 0.15,
        'sigma_speed_across_mps': 1.5,
        'dropout': 0.10,
    },
    Modality.THERMAL: {
        'x_m': 1.4,
        'z_m': 1.7,
        'range_m': 80.0,
        'rate_hz': 10.0,
        'latency_ms': 90.0,
        'sigma_along_fraction': 0.05,
        'sigma_across_deg': 0.3,
        'sigma_size_fraction': 0.2,
        'dropout': 0.08,
        'class_right': 0.95,
        'warm_bodies_only': True,
    },
}
