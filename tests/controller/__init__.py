"""Tests of the controller with a compute environment whose faults tests switch on."""
