# The node of a full cluster. Sourced by up.
