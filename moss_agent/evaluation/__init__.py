"""How good a model is at using plugins: cases from data, asked, judged, counted."""
