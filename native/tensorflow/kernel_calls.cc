#include "tensorflow/kernel_calls.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <limits>
#include <mutex>
#include <vector>

#include "core/error.h"
#include "core/kernel_calls.h"
#include "core/shared_library.h"

namespace scmoe::tensorflow {

namespace {

using xla::CallFrame;

const KernelCalls* kernels = nullptr;

std::mutex problemMutex;
std::string problem;
std::atomic<bool> hasProblem{false};

void noteProblem(const char* text) {
  const std::lock_guard<std::mutex> lock(problemMutex);
  problem = text;
  hasProblem = true;
}

size_t bytesOf(xla::DataType dtype) {
  switch (dtype) {
    case xla::DataType::kBool: return 1;
    case xla::DataType::kInt32:
    case xla::DataType::kFloat32: return 4;
    default: throw Error("an argument or result of another type");
  }
}

/// What a call works on: its arguments, then its results.
class Operands {
 public:
  explicit Operands(const CallFrame& frame) : frame_(frame) {
    for (const xla::Buffers* buffers : {&frame.arguments, &frame.results})
      for (int64_t i = 0; i < buffers->count; ++i) {
        const xla::Buffer& buffer = *buffers->buffers[i];
        arrays_.push_back(buffer.data);
        bytes_.push_back(bytesOf(buffer.dtype) * elementsOf(buffer));
      }
  }

  void run() const {
    // XLA runs this on whichever of its threads is free.
    kernels->joinTeam();
    kernels->run(key(), arrays_.data(), bytes_.data(), arrays_.size());
  }

  void fillResultsWithNaN() const {
    for (int64_t i = 0; i < frame_.results.count; ++i) {
      const xla::Buffer& buffer = *frame_.results.buffers[i];
      if (buffer.dtype == xla::DataType::kFloat32)
        std::fill_n(static_cast<float*>(buffer.data), elementsOf(buffer), std::numeric_limits<float>::quiet_NaN());
      else
        std::memset(buffer.data, 0, bytesOf(buffer.dtype) * elementsOf(buffer));
    }
  }

 private:
  static size_t elementsOf(const xla::Buffer& buffer) {
    size_t size = 1;
    for (int64_t axis = 0; axis < buffer.rank; ++axis) size *= static_cast<size_t>(buffer.dims[axis]);
    return size;
  }
  int64_t key() const {
    const xla::Attributes& all = frame_.attributes;
    if (all.count != 1 || all.types[0] != xla::AttributeType::kScalar || all.values[0]->dtype != xla::DataType::kInt64)
      throw Error("expected the key of a kernel");
    return *static_cast<const int64_t*>(all.values[0]->value);
  }

  const CallFrame& frame_;
  std::vector<void*> arrays_;
  std::vector<size_t> bytes_;
};

xla::Error* handle(CallFrame* frame) {
  for (xla::ExtensionBase* extension = frame->extension; extension; extension = extension->next) {
    if (extension->type != xla::Extension::kMetadata) continue;
    xla::Metadata& metadata = *reinterpret_cast<xla::MetadataExtension*>(extension)->metadata;
    metadata.version.major = xla::kMajorVersion;
    metadata.version.minor = xla::kMinorVersion;
    metadata.traits = 0;
    return nullptr;
  }
  try {
    const Operands call(*frame);
    try {
      call.run();
    } catch (...) {
      call.fillResultsWithNaN();
      throw;
    }
  } catch (const std::exception& error) {
    noteProblem(error.what());
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

void registerKernelCalls(const xla::Api* ffi, const std::string& library) {
  static std::mutex mutex;
  const std::lock_guard<std::mutex> lock(mutex);
  if (kernels) return;
  if (!ffi) throw Error("this TensorFlow lets no kernels from outside into compiled steps");
  const xla::ApiVersion version = ffi->version;
  if (version.major != xla::kMajorVersion || version.minor < xla::kMinorVersion)
    throw Error("XLA's interface for kernels from outside is " + std::to_string(version.major) + "." +
                std::to_string(version.minor) + ", and 0.2 is the one that is known");
  auto* const get = reinterpret_cast<GetKernelCalls*>(SharedLibrary(library).find(KernelCalls::kSymbol));
  const KernelCalls* const found = get ? get() : nullptr;
  if (!found || found->version != KernelCalls::kVersion) throw Error(library + " is of another release");
  add(*ffi, "scmoe_kernel", handle);
  kernels = found;
}

std::string takeKernelProblem() {
  if (!hasProblem) return {};
  const std::lock_guard<std::mutex> lock(problemMutex);
  hasProblem = false;
  return std::move(problem);
}

}  // namespace scmoe::tensorflow
