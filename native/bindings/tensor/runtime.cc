#include "signatures/tensor/runtime.h"
#include "core/aligned_memory.h"
#include "core/parallel.h"
#include "cpu/gemm.h"

using namespace scmoe;

SCMOE_EXPORT_UNCAPTURED(holdOneDnn) {
  holdOneDnn(args.isa);
  return nullptr;
}
SCMOE_EXPORT_UNCAPTURED(gemmProblem) { return toJs(call.env(), gemmProblem()); }
SCMOE_EXPORT_UNCAPTURED(gemmName) { return toJs(call.env(), gemmName()); }
SCMOE_EXPORT_UNCAPTURED(oneDnnVersion) { return toJs(call.env(), oneDnnVersion()); }
SCMOE_EXPORT_UNCAPTURED(hasBf16) { return toJs(call.env(), hasBf16()); }

SCMOE_EXPORT_UNCAPTURED(setThreads) {
  setThreads(static_cast<int>(args.count));
  return nullptr;
}
SCMOE_EXPORT_UNCAPTURED(getThreads) { return toJs(call.env(), static_cast<double>(threads())); }

SCMOE_EXPORT_UNCAPTURED(setBf16) {
  setPrecision(args.on ? Precision::kBf16 : Precision::kFloat32);
  return nullptr;
}

SCMOE_EXPORT_UNCAPTURED(getBf16) { return toJs(call.env(), precision() == Precision::kBf16); }

SCMOE_EXPORT_UNCAPTURED(discard) {
  discardPages(args.memory, static_cast<size_t>(args.bytes));
  return nullptr;
}

static void release(napi_env, void* data, void*) { alignedFree(data); }

SCMOE_EXPORT_UNCAPTURED(allocate) {
  const auto bytes = static_cast<size_t>(args.bytes);
  void* memory = alignedAllocate(bytes);
  napi_value result;
  if (napi_create_external_arraybuffer(call.env(), memory, bytes, release, nullptr, &result) != napi_ok) {
    alignedFree(memory);
    throw Error("allocate: could not make an ArrayBuffer of " + std::to_string(bytes) + " bytes");
  }
  return result;
}
