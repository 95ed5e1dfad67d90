"""Where the store and the craft meet: crawls as child processes, cleaning in workers, and nights made of both."""
