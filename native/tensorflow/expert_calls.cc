#include "tensorflow/expert_calls.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <limits>
#include <mutex>

#include "core/error.h"
#include "core/shared_library.h"
#include "cpu/expert_kernels.h"

namespace scmoe::tensorflow {

namespace {

using xla::CallFrame;

const ExpertKernels* kernels = nullptr;

std::mutex problemMutex;
std::string problem;
std::atomic<bool> hasProblem{false};

void noteProblem(const char* text) {
  const std::lock_guard<std::mutex> lock(problemMutex);
  problem = text;
  hasProblem = true;
}

/// What a call works on, with the types and ranks that its kernel takes them for.
class Operands {
 public:
  explicit Operands(const CallFrame& frame) : frame_(frame) {}

  int64_t numResults() const { return frame_.results.count; }
  const int64_t* dims(int64_t index, int64_t rank) const {
    const xla::Buffer& buffer = at(frame_.arguments, index);
    if (buffer.rank != rank) throw Error("an argument of another rank");
    return buffer.dims;
  }
  const float* in(int64_t index) const { return floats(at(frame_.arguments, index)); }
  float* out(int64_t index) const { return floats(at(frame_.results, index)); }
  const int32_t* counts(int64_t index) const {
    return static_cast<const int32_t*>(data(at(frame_.arguments, index), xla::DataType::kInt32));
  }
  int64_t attribute(const char* name) const {
    const xla::Attributes& all = frame_.attributes;
    for (int64_t i = 0; i < all.count; ++i) {
      if (std::strlen(name) != all.names[i]->length || std::memcmp(name, all.names[i]->data, all.names[i]->length) != 0)
        continue;
      if (all.types[i] == xla::AttributeType::kScalar && all.values[i]->dtype == xla::DataType::kInt64)
        return *static_cast<const int64_t*>(all.values[i]->value);
    }
    throw Error(std::string("no attribute ") + name);
  }
  void fillResultsWithNaN() const {
    for (int64_t i = 0; i < frame_.results.count; ++i) {
      const xla::Buffer& buffer = *frame_.results.buffers[i];
      int64_t size = 1;
      for (int64_t axis = 0; axis < buffer.rank; ++axis) size *= buffer.dims[axis];
      std::fill_n(floats(buffer), size, std::numeric_limits<float>::quiet_NaN());
    }
  }
  /// Of the rows and the first weights of experts at these places.
  ExpertRows rows(int64_t x, int64_t countsAt, int64_t weights) const {
    const int64_t* const sizes = dims(weights, 3);
    const ExpertRows group{sizes[0], dims(x, 2)[0], sizes[1], sizes[2], attribute("capacity"), counts(countsAt)};
    if (dims(countsAt, 1)[0] != group.numExperts || dims(x, 2)[1] != group.d)
      throw Error("shapes that do not belong together");
    return group;
  }

 private:
  static const xla::Buffer& at(const xla::Buffers& buffers, int64_t index) {
    if (index >= buffers.count) throw Error("fewer arguments or results than the kernel has");
    return *buffers.buffers[index];
  }
  static void* data(const xla::Buffer& buffer, xla::DataType dtype) {
    if (buffer.dtype != dtype) throw Error("an argument or result of another type");
    return buffer.data;
  }
  static float* floats(const xla::Buffer& buffer) { return static_cast<float*>(data(buffer, xla::DataType::kFloat32)); }

  const CallFrame& frame_;
};

Activation activationOf(const Operands& call) { return static_cast<Activation>(call.attribute("activation")); }

void ffnForward(const Operands& call) {
  const bool keeps = call.numResults() > 1;
  kernels->ffnForward(call.rows(0, 1, 2), call.in(0), call.in(2), call.in(3), call.in(4), call.in(5),
                      activationOf(call), call.out(0), keeps ? call.out(1) : nullptr, keeps ? call.out(2) : nullptr);
}

void ffnBackward(const Operands& call) {
  kernels->ffnBackward(call.rows(1, 2, 3), call.in(0), call.in(1), call.in(3), call.in(4), call.in(5), call.in(6),
                       activationOf(call), call.out(0), call.out(1), call.out(2), call.out(3), call.out(4), nullptr);
}

void swigluForward(const Operands& call) {
  const bool keeps = call.numResults() > 1;
  kernels->swigluForward(call.rows(0, 1, 2), call.in(0), call.in(2), call.in(3), call.in(4), call.out(0),
                         keeps ? call.out(1) : nullptr, keeps ? call.out(2) : nullptr);
}

void swigluBackward(const Operands& call) {
  kernels->swigluBackward(call.rows(1, 2, 3), call.in(0), call.in(1), call.in(3), call.in(4), call.in(5), call.in(6),
                          call.in(7), call.out(0), call.out(1), call.out(2), call.out(3), nullptr);
}

template <void (*run)(const Operands&)>
xla::Error* handle(CallFrame* frame) {
  for (xla::ExtensionBase* extension = frame->extension; extension; extension = extension->next) {
    if (extension->type != xla::Extension::kMetadata) continue;
    xla::Metadata& metadata = *reinterpret_cast<xla::MetadataExtension*>(extension)->metadata;
    metadata.version.major = xla::kMajorVersion;
    metadata.version.minor = xla::kMinorVersion;
    metadata.traits = 0;
    return nullptr;
  }
  const Operands call(*frame);
  try {
    // XLA runs this on whichever of its threads is free.
    kernels->joinTeam();
    run(call);
  } catch (const std::exception& error) {
    noteProblem(error.what());
    call.fillResultsWithNaN();
  }
  return nullptr;
}

xla::Span spanOf(const char* text) { return {text, std::strlen(text)}; }

void add(const xla::Api& ffi, const char* name, xla::Handler* handler) {
  xla::Registration registration{
      sizeof(xla::Registration), nullptr, spanOf(name), spanOf("Host"), nullptr, nullptr, nullptr, handler, 0};
  xla::Error* const error = ffi.registerHandler(&registration);
  if (!error) return;
  xla::MessageArguments said{sizeof(xla::MessageArguments), nullptr, error, nullptr};
  ffi.messageOf(&said);
  const std::string message = said.message;
  xla::DestroyArguments done{sizeof(xla::DestroyArguments), nullptr, error};
  ffi.destroyError(&done);
  throw Error("XLA refuses " + std::string(name) + ": " + message);
}

}  // namespace

void registerExpertCalls(const xla::Api* ffi, const std::string& library) {
  static std::mutex mutex;
  const std::lock_guard<std::mutex> lock(mutex);
  if (kernels) return;
  if (!ffi) throw Error("this TensorFlow lets no kernels from outside into compiled steps");
  const xla::ApiVersion version = ffi->version;
  if (version.major != xla::kMajorVersion || version.minor < xla::kMinorVersion)
    throw Error("XLA's interface for kernels from outside is " + std::to_string(version.major) + "." +
                std::to_string(version.minor) + ", and 0.2 is the one that is known");
  auto* const get = reinterpret_cast<GetExpertKernels*>(SharedLibrary(library).find(ExpertKernels::kSymbol));
  const ExpertKernels* const found = get ? get() : nullptr;
  if (!found || found->version != ExpertKernels::kVersion) throw Error(library + " is of another release");
  add(*ffi, "scmoe_grouped_ffn", handle<ffnForward>);
  add(*ffi, "scmoe_grouped_ffn_backward", handle<ffnBackward>);
  add(*ffi, "scmoe_grouped_swiglu", handle<swigluForward>);
  add(*ffi, "scmoe_grouped_swiglu_backward", handle<swigluBackward>);
  kernels = found;
}

std::string takeExpertProblem() {
  if (!hasProblem) return {};
  const std::lock_guard<std::mutex> lock(problemMutex);
  hasProblem = false;
  return std::move(problem);
}

}  // namespace scmoe::tensorflow
