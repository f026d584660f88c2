"""Public data sets into recordings, maps and bags of modelled sensors."""
