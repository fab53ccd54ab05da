"""`python -m altasks`, where the script `altasks` is not on the path."""

from altasks.cli import main

if __name__ == "__main__":
    main()
