"""What makes an archive provable: hashes, leaves, signed notes, keys and timestamps.

The modules compute and check. They know no database; only `timestamps` asks a server.
"""
