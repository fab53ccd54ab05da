"""Code that the tasks that tag words share: entities and roles."""
