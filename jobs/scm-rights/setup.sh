printf 'twelve bytes' >secret-of-parent
