"""What people would use instead of Tutti for the queue part of its work, measured in the same run and the same way."""
