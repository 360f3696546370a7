"""Figures of an evaluation, as text."""

import statistics


def figures(results):
    """Shares of the first place, the first three, mean reciprocal rank, and how many are not found at all."""
    ranks = [one["rank"] for one in results]
    count = max(len(ranks), 1)
    found = [rank for rank in ranks if rank]
    return {
        "pairs": len(ranks),
        "top1": sum(rank == 1 for rank in found),
        "top3": sum(rank <= 3 for rank in found),
        "mrr": sum(1 / rank for rank in found) / count,
        "missed": len(ranks) - len(found),
        "length": statistics.median(one["length"] for one in results) if results else 0,
    }


def row(name, results):
    one = figures(results)
    share = max(one["pairs"], 1)
    return (f"  {name:<28} {one['pairs']:>4}  {one['top1']:>4} {100 * one['top1'] / share:5.1f} %"
            f"  {one['top3']:>4} {100 * one['top3'] / share:5.1f} %  {one['mrr']:.3f}  {one['missed']:>4}  {one['length']:>6.0f}")


HEAD = f"  {'':<28} {'pairs':>4}  {'first':>12}  {'first three':>12}  {'MRR':>5}  {'none':>4}  {'length':>6}"


def show(results, counts, peers):
    ways = [f"K={count}" for count in counts] + peers
    faulty = [one for one in results if "rank" in one]
    for suite in sorted({one["suite"] for one in results}, reverse=True):
        mine = [one for one in faulty if one["suite"] == suite]
        print(f"\n{suite}: where the cause stands (K: how many baseline runs)")
        print(HEAD)
        for way in ways:
            print(row(way, [one for one in mine if one["by"] == way]))
        for count in counts:
            clean = [one for one in results if one["class"] == "clean" and one["suite"] == suite and one["by"] == f"K={count}"]
            if clean:
                alarms = sum(one["alarms"] for one in clean)
                print(f"  K={count}: {alarms} alarms on {len(clean)} clean runs, {alarms / len(clean):.2f} each;"
                      f" a diff takes {statistics.median(one['seconds'] for one in results if one['by'] == f'K={count}'):.2f} s")
    for title, field in (("job", "job"), ("class of faults", "class")):
        print(f"\nby {title}, K={counts[0]}")
        print(HEAD)
        mine = [one for one in faulty if one["by"] == f"K={counts[0]}"]
        for value in sorted({one[field] for one in mine}):
            print(row(value, [one for one in mine if one[field] == value]))
    for one in results:
        if one["class"] == "clean" and one["alarms"]:
            print(f"\nalarms on {one['job']}/{one['run']} ({one['by']}, decoys {one['decoys']}):")
            print(listing(one))


def listing(one):
    lines = [f"    {row['rank']:>2} {row['score']:>5} {row['kind']:<18} {row['subject']}: {row['before']} -> {row['after']}"
             + (f" (by {row['caused_by']})" if row["caused_by"] else "") for row in one["rows"]]
    return "\n".join(lines)


def misses(results):
    parts = []
    for one in results:
        if one.get("rank", 1) != 1 and one["by"].startswith("K="):
            parts.append(f"## {one['job']} {one['run']} {one['by']}: place {one['rank']} of {one['length']}, decoys {one['decoys']}\n"
                         f"expected {one['expect']}\n{listing(one)}\n")
    return "\n".join(parts)
