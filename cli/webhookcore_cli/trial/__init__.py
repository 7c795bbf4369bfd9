"""What a trial in a cluster needs beside the router: a Postgres and example services, from the same image."""
