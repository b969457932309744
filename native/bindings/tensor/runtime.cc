#include "bindings/args.h"
#include "core/parallel.h"
#include "core/scratch.h"
#include "cpu/gemm.h"

using namespace scmoe;

/// Empty string, or why oneDNN can't be used.
SCMOE_EXPORT(oneDnnProblem) { return toJs(args.env(), openOneDnn()); }
SCMOE_EXPORT(oneDnnVersion) { return toJs(args.env(), oneDnnVersion()); }
SCMOE_EXPORT(hasBf16) { return toJs(args.env(), hasBf16()); }

SCMOE_EXPORT(setThreads) {
  setThreads(static_cast<int>(args.i(0)));
  return nullptr;
}
SCMOE_EXPORT(getThreads) { return toJs(args.env(), static_cast<double>(threads())); }

SCMOE_EXPORT(setBf16) {
  setPrecision(args.flag(0) ? Precision::kBf16 : Precision::kFloat32);
  return nullptr;
}

static void release(napi_env, void* data, void* hint) {
  alignedFree(data, reinterpret_cast<size_t>(hint));
}

/// (bytes) -> ArrayBuffer of aligned memory, given back when it is collected.
SCMOE_EXPORT(allocate) {
  const size_t bytes = static_cast<size_t>(args.i(0));
  void* memory = alignedAllocate(bytes);
  napi_value result;
  if (napi_create_external_arraybuffer(args.env(), memory, bytes, release, reinterpret_cast<void*>(bytes), &result) !=
      napi_ok) {
    alignedFree(memory, bytes);
    throw Error("allocate: could not make an ArrayBuffer of " + std::to_string(bytes) + " bytes");
  }
  return result;
}

/// (transposeA, transposeB, m, n, k, alpha, a, b, beta, c): contiguous operands.
SCMOE_EXPORT(gemm) {
  const bool transposeA = args.flag(0), transposeB = args.flag(1);
  const int64_t m = args.i(2), n = args.i(3), k = args.i(4);
  gemm(transposeA, transposeB, m, n, k, args.f(5), args.floats(6), transposeA ? m : k, args.floats(7),
       transposeB ? k : n, args.f(8), args.floats(9), n);
  return nullptr;
}
