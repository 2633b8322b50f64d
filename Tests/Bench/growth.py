def bench_growth(*a): pass
