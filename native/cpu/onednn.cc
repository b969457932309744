#include "cpu/onednn.h"

#include <dlfcn.h>

#include <cstdlib>

#include "core/error.h"
#include "core/signals.h"

namespace scmoe {

namespace {

struct Version {
  int major, minor, patch;
};

OneDnn open() {
  OneDnn result;
  const char* chosen = std::getenv("SCMOE_ONEDNN_LIB");
  const char* names[] = {chosen, "libdnnl.so.3", "libdnnl.so.2", "libdnnl.so"};
  void* handle = nullptr;
  std::string tried;
  for (const char* name : names) {
    if (!name || !*name) continue;
    handle = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    if (handle) break;
    tried += std::string(tried.empty() ? "" : ", ") + name;
    if (name == chosen) break;
  }
  if (!handle) {
    result.problem = "oneDNN was not found (tried " + tried + "); on Debian or Ubuntu: apt-get install libdnnl-dev";
    return result;
  }
  result.sgemm = reinterpret_cast<OneDnn::Sgemm>(dlsym(handle, "dnnl_sgemm"));
  result.bf16 = reinterpret_cast<OneDnn::Bf16Gemm>(dlsym(handle, "dnnl_gemm_bf16bf16f32"));
  auto version = reinterpret_cast<const Version* (*)()>(dlsym(handle, "dnnl_version"));
  auto instructionSets = reinterpret_cast<int (*)()>(dlsym(handle, "dnnl_get_effective_cpu_isa"));
  if (!result.sgemm) {
    result.problem = "the oneDNN library found lacks dnnl_sgemm";
    return result;
  }
  if (version) {
    const Version* v = version();
    result.version =
        "oneDNN " + std::to_string(v->major) + "." + std::to_string(v->minor) + "." + std::to_string(v->patch);
  }
  if (instructionSets) result.instructionSets = instructionSets();
  return result;
}

}  // namespace

// Both are bits of dnnl_cpu_isa_t.
bool OneDnn::usesAvx512() const {
  if (instructionSets != 0) return (instructionSets & 0x20) != 0;
#if defined(__x86_64__)
  return __builtin_cpu_supports("avx512f");
#else
  return false;
#endif
}

bool OneDnn::usesBf16() const {
  if (!bf16) return false;
  if (instructionSets != 0) return (instructionSets & 0x80) != 0;
#if defined(__x86_64__)
  return __builtin_cpu_supports("avx512bf16");
#else
  return false;
#endif
}

const OneDnn& oneDnn() {
  static const OneDnn instance = open();
  return instance;
}

void checkOneDnn(int status, const char* name, int64_t m, int64_t n, int64_t k) {
  if (status == 0) return;
  throw Error(std::string(name) + " failed with status " + std::to_string(status) + " for m=" + std::to_string(m) +
              " n=" + std::to_string(n) + " k=" + std::to_string(k));
}

void oneDnnSgemm(bool transposeA, bool transposeB, int64_t m, int64_t n, int64_t k, float alpha, const float* a,
                 int64_t lda, const float* b, int64_t ldb, float beta, float* c, int64_t ldc) {
  const SignalsHeld held;
  checkOneDnn(
      oneDnn().sgemm(transposeA ? 'T' : 'N', transposeB ? 'T' : 'N', m, n, k, alpha, a, lda, b, ldb, beta, c, ldc),
      "dnnl_sgemm", m, n, k);
}

}  // namespace scmoe
