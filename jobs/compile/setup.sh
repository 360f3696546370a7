mkdir tmp
printf '#include "part.h"\nint main(void)\n{\n    return VALUE;\n}\n' >main.c
printf '#define VALUE 0\n' >part.h
