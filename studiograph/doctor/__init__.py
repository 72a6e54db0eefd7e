"""The checks of `studiograph doctor`: of the machine, the Docker Engine and the installation, with advice on each problem."""
