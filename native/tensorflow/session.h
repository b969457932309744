#pragma once
#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "tensorflow/api.h"
#include "tensorflow/describe.h"
#include "tensorflow/operation_call.h"

namespace scmoe::tensorflow {

/// A context of TensorFlow's eager operations, and the tensors that JavaScript knows by number.
class Session {
 public:
  /// @param config a serialized ConfigProto. @throws Error with what TensorFlow says
  Session(const Api& api, const uint8_t* config, size_t size);
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  ~Session();

  const Api& api() const { return api_; }
  TFE_Context* context() const { return context_; }

  /// A line for each device: name, type and bytes of memory, with tabs between.
  std::string devices() const;
  void setDevice(const std::string& name);

  /// A tensor with these elements, copied to the device. @throws ArgumentError where they are too few or too many
  int32_t create(int dtype, const std::vector<int64_t>& dims, const uint8_t* data, size_t bytes);
  /// A tensor over this memory, on the CPU. `release(argument)` is called once nothing needs it any more, on any
  /// thread.
  int32_t createOver(int dtype, const std::vector<int64_t>& dims, void* data, size_t bytes, Deallocator release,
                     void* argument);
  /// A tensor on the CPU whose elements nobody has set yet.
  int32_t allocate(int dtype, const std::vector<int64_t>& dims);
  /// A tensor of its own with elements that lie one after another in another, on the CPU. @throws ArgumentError where
  /// it has not as many
  int32_t part(int32_t id, size_t first, const std::vector<int64_t>& dims);
  /// Runs an operation; its outputs are described in `results`. Gives how many there are.
  int execute(const OperationCall& call, Results& results);
  Description describe(int32_t id) const;
  /// @param use called with the elements in the CPU's memory, and their bytes
  template <typename Use>
  void read(int32_t id, const Use& use) const {
    TF_Tensor* tensor = resolve(id);
    use(api_.TensorData(tensor), api_.TensorByteSize(tensor));
    api_.DeleteTensor(tensor);
  }
  /// Elements of a tensor in the CPU's memory, which stays until `release(holder)`.
  struct View {
    void* data;
    size_t bytes;
    TF_Tensor* holder;
    void (*release)(TF_Tensor*);
  };
  /// Those of a tensor on the CPU, not copied. @throws ArgumentError for one on another device
  View view(int32_t id) const;
  void remove(int32_t id);
  size_t live() const { return handles_.size(); }
  void* pointer(int32_t id) const;

 private:
  TFE_TensorHandle* find(int32_t id) const;
  int32_t keep(TFE_TensorHandle* handle);
  Description describe(TFE_TensorHandle* handle) const;
  TF_Tensor* resolve(int32_t id) const;
  std::string textOfCall(const OperationCall& call) const;
  size_t bytesOf(int dtype, const std::vector<int64_t>& dims, size_t got) const;

  const Api& api_;
  TFE_Context* context_ = nullptr;
  std::string device_;
  std::string host_;
  std::unordered_map<int32_t, TFE_TensorHandle*> handles_;
  int32_t last_ = 0;
};

}  // namespace scmoe::tensorflow
