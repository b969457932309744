#pragma once
#include "comm/nccl/cuda_device.h"
#include "comm/nccl/nccl_comm.h"
#include "comm/request.h"

namespace scmoe::comm {

/// What a rank brings to a collective and gets from it, in elements.
struct Extent {
  size_t in = 0;
  size_t out = 0;
  bool inPlace = false;  // out is in
};
Extent extentOf(const Request& request, int rank, int size);

/// Where a collective runs.
struct DeviceGroup {
  const CudaApi& cuda;
  const NcclApi& nccl;
  NcclComm& comm;
  const Stream& stream;
  int rank;
  int size;
};

/// Puts one collective on the stream, over device memory alone: where the values come from, and what they are, is the
/// caller's affair. The request's own pointers are not looked at.
/// @param wire what the values travel as
void enqueue(const DeviceGroup& group, const Request& request, DType wire, CudaPointer in, CudaPointer out, Poll& poll);

}  // namespace scmoe::comm
