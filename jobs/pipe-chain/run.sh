cat in | tr a-z A-Z | sort >out
