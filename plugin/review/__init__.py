"""What people decide about suspects and images: verdicts, what they teach, in which order, tags and queues."""
