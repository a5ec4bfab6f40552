"""The database: `reads` needs only the standard library (first paint), the other modules bring SQLAlchemy."""
