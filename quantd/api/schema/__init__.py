"""The structs of requests, answers and frames, and the words of the frontend's contract."""
