"""The programs. Each reads the settings, puts parts together and runs them; none decides anything else."""
