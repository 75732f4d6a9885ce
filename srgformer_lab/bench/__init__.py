"""How long everything takes: against a plain implementation in the same run, on generated data of any size, and how it grows."""
