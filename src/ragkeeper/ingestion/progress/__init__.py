"""How far each version is, why it is not further, and the means to steer it: the jobs of the HTTP API."""
