#include "comm/nccl/device_collectives.h"

#include <numeric>
#include <string>

namespace scmoe::comm {

namespace {

NcclDataType typeOf(DType dtype) {
  switch (dtype) {
    case DType::kFloat32: return kNcclFloat32;
    case DType::kBf16: return kNcclBfloat16;
    case DType::kInt32: return kNcclInt32;
  }
  return kNcclInt8;
}

void* at(CudaPointer pointer) { return reinterpret_cast<void*>(pointer); }

size_t sum(const std::vector<int64_t>& counts) {
  return static_cast<size_t>(std::accumulate(counts.begin(), counts.end(), int64_t{0}));
}

/// Where parts that follow each other without gaps begin, in bytes.
std::vector<size_t> offsetsOf(const std::vector<int64_t>& counts, size_t bytes) {
  std::vector<size_t> offsets(counts.size() + 1);
  for (size_t i = 0; i < counts.size(); ++i) offsets[i + 1] = offsets[i] + static_cast<size_t>(counts[i]) * bytes;
  return offsets;
}

/// What goes to each rank lies at sendOffsets[rank], what comes from it goes to recvOffsets[rank]; offsets in bytes.
/// NCCL has no exchange with counts: it is made of sends and receives, which one group starts all at once.
void exchange(const DeviceGroup& group, CudaPointer in, const std::vector<size_t>& sendFrom,
              const std::vector<size_t>& sendBytes, CudaPointer out, const std::vector<size_t>& recvTo,
              const std::vector<size_t>& recvBytes, Poll& poll) {
  const int rank = group.rank, size = group.size;
  bool isEmpty = true;
  for (int peer = 0; peer < size; ++peer)
    if (peer != rank && sendBytes[peer] + recvBytes[peer] > 0) isEmpty = false;
  if (!isEmpty) {
    const NcclCommunicator comm = group.comm.get();
    const CudaStream stream = group.stream.get();
    group.comm.group("ncclSend and ncclRecv", poll, [&] {
      NcclResult result = kNcclSuccess;
      for (int i = 1; i < size && isGood(result); ++i) {
        const int source = (rank - i + size) % size, target = (rank + i) % size;
        if (recvBytes[source] > 0)
          result = group.nccl.recv(at(out + recvTo[source]), recvBytes[source], kNcclInt8, source, comm, stream);
        if (sendBytes[target] > 0 && isGood(result))
          result = group.nccl.send(at(in + sendFrom[target]), sendBytes[target], kNcclInt8, target, comm, stream);
      }
      return result;
    });
  }
  if (recvBytes[rank] > 0)
    group.cuda.check(
        group.cuda.copyOnDevice(out + recvTo[rank], in + sendFrom[rank], recvBytes[rank], group.stream.get()),
        "cuMemcpyDtoDAsync of " + std::to_string(recvBytes[rank]) + " bytes");
}

std::vector<size_t> bytesOf(const std::vector<int64_t>& counts, size_t bytes) {
  std::vector<size_t> result;
  for (int64_t count : counts) result.push_back(static_cast<size_t>(count) * bytes);
  return result;
}

}  // namespace

Extent extentOf(const Request& request, int rank, int size) {
  switch (request.operation) {
    case Operation::kAllToAll:
    case Operation::kAllToAllV: return {sum(request.sendCounts), sum(request.recvCounts)};
    case Operation::kAllReduce: return {request.elements, request.elements, true};
    case Operation::kAllGather:
    case Operation::kAllGatherV: return {request.elements, sum(request.recvCounts)};
    case Operation::kReduceScatter: return {request.elements, request.elements / static_cast<size_t>(size)};
    case Operation::kBroadcast: return {rank == request.root ? request.elements : 0, request.elements, true};
    default: return {};
  }
}

void enqueue(const DeviceGroup& group, const Request& request, DType wire, CudaPointer in, CudaPointer out,
             Poll& poll) {
  const size_t bytes = sizeOf(wire);
  const auto offsets = [&](const std::vector<int64_t>& counts) { return offsetsOf(counts, bytes); };
  switch (request.operation) {
    case Operation::kAllToAll:
    case Operation::kAllToAllV:
      return exchange(group, in, offsets(request.sendCounts), bytesOf(request.sendCounts, bytes), out,
                      offsets(request.recvCounts), bytesOf(request.recvCounts, bytes), poll);
    case Operation::kAllGatherV:
      return exchange(group, in, std::vector<size_t>(group.size, 0),
                      std::vector<size_t>(group.size, request.elements * bytes), out, offsets(request.recvCounts),
                      bytesOf(request.recvCounts, bytes), poll);
    default: break;
  }
  if (request.elements == 0) return;
  const NcclApi& nccl = group.nccl;
  const NcclCommunicator comm = group.comm.get();
  const CudaStream stream = group.stream.get();
  const NcclDataType type = typeOf(wire);
  const NcclReduction reduction = request.reduction == Reduction::kMax ? kNcclMax : kNcclSum;
  const size_t elements = request.elements;
  switch (request.operation) {
    case Operation::kAllGather:
      return group.comm.finish(nccl.allGather(at(in), at(out), elements, type, comm, stream), "ncclAllGather", poll);
    case Operation::kAllReduce:
      return group.comm.finish(nccl.allReduce(at(in), at(out), elements, type, reduction, comm, stream),
                               "ncclAllReduce", poll);
    case Operation::kReduceScatter:
      return group.comm.finish(nccl.reduceScatter(at(in), at(out), elements / static_cast<size_t>(group.size), type,
                                                  reduction, comm, stream),
                               "ncclReduceScatter", poll);
    case Operation::kBroadcast:
      return group.comm.finish(nccl.broadcast(at(in), at(out), elements, type, request.root, comm, stream),
                               "ncclBroadcast", poll);
    default: return;
  }
}

}  // namespace scmoe::comm
