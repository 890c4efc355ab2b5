"""What is missing: fetched by id or by day, and the bars and points that it changes computed anew."""
