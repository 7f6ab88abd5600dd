"""``python -m nirvis`` is the command ``nirvis``; the window starts its helpers this way."""

from __future__ import annotations

from nirvis.app import main

if __name__ == "__main__":
    main()
