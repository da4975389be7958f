"""Says what is worth telling of arrays and steps: statistics, formulas, cost, and what is wrong."""
