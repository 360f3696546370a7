# Settings of this machine.
CC = gcc
CFLAGS ?= -O1
SORT_BUFFER = 48K
BEFORE_SETTLE =
