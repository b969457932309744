#pragma once
#include <cstddef>

// What the stand-in for NCCL, and tests, ask of the stand-in for CUDA.
extern "C" {

/// Where device memory is in this process; nullptr where the range is no device memory.
void* standinHostAddress(const void* device, size_t bytes);

/// Runs `work` when all that is on the stream has happened.
void standinLaunch(void* stream, void (*work)(void*), void* data);

/// Whether a device is current on the calling thread.
bool standinHasContext();

/// Allocations, streams, events and contexts that nobody has given back.
long standinCudaLive();
}
