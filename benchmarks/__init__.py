"""What takes an hour: `python -m benchmarks.run NAME`. Results are dated and committed as data under results/."""
