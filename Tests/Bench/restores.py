def bench_restores(*a): pass
