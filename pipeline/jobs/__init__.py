"""What commands, the web app and cluster workers run: crawls, cleans, reviews and reports."""
