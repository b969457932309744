"""One rank on PyTorch's Gloo: answers the questions of src/workers/rank.ts, line by line, with the same JSON."""
import json
import os
import resource
import sys
import time

import torch
import torch.distributed as dist

torch.set_num_threads(1)


def rss():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


bytes_before = rss()
dist.init_process_group("gloo")
rank, size = dist.get_rank(), dist.get_world_size()
bytes_after = rss()
source = target = torch.zeros(0)


def prepare(count):
    global source, target
    if source.numel() * 4 != count:
        source = torch.full((count // 4,), rank + 1.0)
        target = torch.zeros(count // 4)


def even(asynchronous=False):
    return dist.all_to_all_single(target, source, async_op=asynchronous)


def uneven():
    kept = source.numel() // 4
    counts = [kept if other == rank else (source.numel() - kept) // (size - 1) for other in range(size)]
    dist.all_to_all_single(target, source, counts, counts)


def timed(work):
    dist.barrier()
    begin = time.perf_counter()
    work()
    return {"seconds": time.perf_counter() - begin}


def latencies(start, calls):
    starting, whole = [], []
    for _ in range(calls):
        begin = time.perf_counter()
        work = start()
        starting.append((time.perf_counter() - begin) * 1e6)
        work.wait()
        whole.append((time.perf_counter() - begin) * 1e6)
    return {"starting": starting, "whole": whole}


def answer(question, numbers):
    if question == "memory":
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        return {"bytesBefore": bytes_before, "bytesAfter": bytes_after, "bytesNow": rss(), "peakBytes": peak}
    prepare(numbers[0])
    if question == "even":
        return timed(even)
    if question == "uneven":
        return timed(uneven)
    if question == "allReduce":
        return latencies(lambda: dist.all_reduce(source, async_op=True), numbers[1])
    if question == "allToAll":
        return latencies(lambda: even(asynchronous=True), numbers[1])
    raise ValueError(f"unknown question {question}")


def say(value):
    print(json.dumps(value), flush=True)


say({"version": f"PyTorch {torch.__version__} (gloo)"})
for line in sys.stdin:
    question, *numbers = line.split()
    say(answer(question, [int(number) for number in numbers]))
dist.destroy_process_group()
