# One item: worker.sh DAY ITEM
name=$(basename "$2" .dat)
perl lib/weigh.pl "$2" weights.tsv "$name" > "results/$name.part" || exit 1
(
    flock 9
    count=$(cat state/counter)
    echo $((count + 1)) > state/counter
) 9> state/lock
