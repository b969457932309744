#include "comm/request.h"

namespace scmoe::comm {

const char* nameOf(Operation operation) {
  switch (operation) {
    case Operation::kConnect: return "connect";
    case Operation::kAllToAll: return "allToAll";
    case Operation::kAllToAllV: return "allToAllV";
    case Operation::kAllReduce: return "allReduce";
    case Operation::kAllGather: return "allGather";
    case Operation::kAllGatherV: return "allGatherV";
    case Operation::kReduceScatter: return "reduceScatter";
    case Operation::kBroadcast: return "broadcast";
    case Operation::kBarrier: return "barrier";
    case Operation::kClose: return "close";
  }
  return "unknown operation";
}

std::string describe(Operation operation, DType dtype, DType wire, Reduction reduction, int root, uint64_t elements) {
  std::string text = nameOf(operation);
  if (operation == Operation::kBarrier || operation == Operation::kClose) return text + "()";
  text += "(";
  if (operation == Operation::kAllReduce || operation == Operation::kReduceScatter)
    text += std::string(nameOf(reduction)) + ", ";
  if (operation == Operation::kBroadcast) text += "root " + std::to_string(root) + ", ";
  text += nameOf(dtype);
  if (wire != dtype) text += std::string(" as ") + nameOf(wire);
  return text + ", " + std::to_string(elements) + " elements)";
}

}  // namespace scmoe::comm
