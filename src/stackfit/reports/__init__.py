"""What was measured, as pictures: charts of runs, and one HTML page that holds them. No engine."""
