"""Lanelet2 maps (.osm, .bin, LaneletMapBin) as the arrays of `domain.lane_map`."""
