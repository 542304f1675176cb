// What Python calls: every kernel for float32 (suffix _f) and bfloat16 (_h) activations. A call
// returns 0, or 1 if the kernel was not compiled for these sizes. Each runs on the calling thread.
#include "attention.hpp"
#include "convolution.hpp"
#include "mamba1.hpp"
#include "mamba2.hpp"
#include "norms.hpp"
#include "relu2.hpp"
#include "short_conv.hpp"
#include "swiglu.hpp"

#define SIZES(BY, CASE8, CASE16, CASE32, CASE64) \
  switch (BY) {                                                                                    \
    case 8: CASE8; return 0;                                                                       \
    case 16: CASE16; return 0;                                                                     \
    case 32: CASE32; return 0;                                                                     \
    case 64: CASE64; return 0;                                                                     \
  }                                                                                                \
  return 1;

#define KERNEL(K, CASE2, CASE3, CASE4) \
  switch (K) {                         \
    case 2: CASE2; return 0;           \
    case 3: CASE3; return 0;           \
    case 4: CASE4; return 0;           \
  }                                    \
  return 1;

#define EXPORT(T, S)                                                                               \
  extern "C" {                                                                                     \
  int add_norm_forward_##S(long R, long D, float eps, const float *x, const T *y, const float *w,  \
                           float *total, T *out, float *rstd) {                                    \
    add_norm_forward<T>(R, D, eps, x, y, w, total, out, rstd);                                     \
    return 0;                                                                                      \
  }                                                                                                \
  int add_norm_backward_##S(long R, long D, const float *grad_total, const T *grad_out,            \
                            const float *total, const float *w, const float *rstd, float *grad_x,  \
                            T *grad_y, float *grad_w) {                                            \
    add_norm_backward<T>(R, D, grad_total, grad_out, total, w, rstd, grad_x, grad_y, grad_w);      \
    return 0;                                                                                      \
  }                                                                                                \
  int gated_norm_forward_##S(long R, long D, long G, long stride, float eps, const T *y,           \
                             const T *z, const float *w, T *out, float *rstd) {                    \
    gated_norm_forward<T>(R, D, G, stride, eps, y, z, w, out, rstd);                               \
    return 0;                                                                                      \
  }                                                                                                \
  int gated_norm_backward_##S(long R, long D, long G, long stride, const T *grad_out, const T *y,  \
                              const T *z, const float *w, const float *rstd, T *grad_y,            \
                              T *grad_z, float *grad_w) {                                          \
    gated_norm_backward<T>(R, D, G, stride, grad_out, y, z, w, rstd, grad_y, grad_z, grad_w);      \
    return 0;                                                                                      \
  }                                                                                                \
  int relu2_forward_##S(long R, long F, const T *up, T *out) {                                     \
    relu2_forward<T>(R, F, up, out);                                                               \
    return 0;                                                                                      \
  }                                                                                                \
  int relu2_backward_##S(long R, long F, const T *grad_out, const T *up, T *grad) {                \
    relu2_backward<T>(R, F, grad_out, up, grad);                                                   \
    return 0;                                                                                      \
  }                                                                                                \
  int swiglu_forward_##S(long R, long F, const T *gate_up, T *out) {                               \
    swiglu_forward<T>(R, F, gate_up, out);                                                         \
    return 0;                                                                                      \
  }                                                                                                \
  int swiglu_backward_##S(long R, long F, const T *grad_out, const T *gate_up, T *grad) {          \
    swiglu_backward<T>(R, F, grad_out, gate_up, grad);                                             \
    return 0;                                                                                      \
  }                                                                                                \
  int attention_forward_##S(long B, long L, long H, long K, long P, long W, const T *qkv,          \
                            const float *c, const float *s, T *out, float *sums) {                 \
    SIZES(P, (attention_forward<8, T>(B, L, H, K, W, qkv, c, s, out, sums)),                       \
          (attention_forward<16, T>(B, L, H, K, W, qkv, c, s, out, sums)),                         \
          (attention_forward<32, T>(B, L, H, K, W, qkv, c, s, out, sums)),                         \
          (attention_forward<64, T>(B, L, H, K, W, qkv, c, s, out, sums)))                         \
  }                                                                                                \
  int attention_backward_##S(long B, long L, long H, long K, long P, long W, const T *grad_out,    \
                             const T *qkv, const float *c, const float *s, const T *out,           \
                             const float *sums, T *grad) {                                         \
    SIZES(P, (attention_backward<8, T>(B, L, H, K, W, grad_out, qkv, c, s, out, sums, grad)),      \
          (attention_backward<16, T>(B, L, H, K, W, grad_out, qkv, c, s, out, sums, grad)),        \
          (attention_backward<32, T>(B, L, H, K, W, grad_out, qkv, c, s, out, sums, grad)),        \
          (attention_backward<64, T>(B, L, H, K, W, grad_out, qkv, c, s, out, sums, grad)))        \
  }                                                                                                \
  int convolution_forward_##S(long B, long L, long C, long K, long stride, const T *x,             \
                              const float *w, const float *bias, T *y) {                           \
    KERNEL(K, (convolution_forward<2, T>(B, L, C, stride, x, w, bias, y)),                         \
           (convolution_forward<3, T>(B, L, C, stride, x, w, bias, y)),                            \
           (convolution_forward<4, T>(B, L, C, stride, x, w, bias, y)))                            \
  }                                                                                                \
  int convolution_backward_##S(long B, long L, long C, long K, long stride, const T *grad_y,       \
                               const T *x, const float *w, const float *bias, T *grad_x,           \
                               float *grad_w, float *grad_bias) {                                  \
    KERNEL(K, (convolution_backward<2, T>(B, L, C, stride, grad_y, x, w, bias, grad_x, grad_w,     \
                                          grad_bias)),                                             \
           (convolution_backward<3, T>(B, L, C, stride, grad_y, x, w, bias, grad_x, grad_w,        \
                                       grad_bias)),                                                \
           (convolution_backward<4, T>(B, L, C, stride, grad_y, x, w, bias, grad_x, grad_w,        \
                                       grad_bias)))                                                \
  }                                                                                                \
  int short_conv_forward_##S(long B, long L, long E, long K, const T *bcx, const float *w,         \
                             const float *bias, T *y) {                                            \
    KERNEL(K, (short_conv_forward<2, T>(B, L, E, bcx, w, bias, y)),                                \
           (short_conv_forward<3, T>(B, L, E, bcx, w, bias, y)),                                   \
           (short_conv_forward<4, T>(B, L, E, bcx, w, bias, y)))                                   \
  }                                                                                                \
  int short_conv_backward_##S(long B, long L, long E, long K, const T *grad_y, const T *bcx,       \
                              const float *w, const float *bias, T *grad_bcx, float *grad_w,       \
                              float *grad_bias) {                                                  \
    KERNEL(K, (short_conv_backward<2, T>(B, L, E, grad_y, bcx, w, bias, grad_bcx, grad_w,          \
                                         grad_bias)),                                              \
           (short_conv_backward<3, T>(B, L, E, grad_y, bcx, w, bias, grad_bcx, grad_w,             \
                                      grad_bias)),                                                 \
           (short_conv_backward<4, T>(B, L, E, grad_y, bcx, w, bias, grad_bcx, grad_w,             \
                                      grad_bias)))                                                 \
  }                                                                                                \
  int selective_scan_forward_##S(long B, long L, long E, long N, long z_stride, long map_stride,   \
                                 long chunk, const T *x, const T *raw, const T *Bs, const T *Cs,   \
                                 const T *z, const float *bias, const float *A_log,                \
                                 const float *D, T *out, float *states) {                          \
    (N == 16 ? selective_scan_forward<16, T> : selective_scan_forward<0, T>)(                      \
        B, L, E, N, z_stride, map_stride, chunk, x, raw, Bs, Cs, z, bias, A_log, D, out, states);  \
    return 0;                                                                                      \
  }                                                                                                \
  int selective_scan_backward_##S(long B, long L, long E, long N, long z_stride, long map_stride,  \
                                  long chunk, const T *grad_out, const T *x, const T *raw,         \
                                  const T *Bs, const T *Cs, const T *z, const float *bias,         \
                                  const float *A_log, const float *D, const float *states,         \
                                  T *grad_x, T *grad_raw, T *grad_B, T *grad_C, T *grad_z,         \
                                  float *grad_bias, float *grad_A_log, float *grad_D) {            \
    (N == 16 ? selective_scan_backward<16, T> : selective_scan_backward<0, T>)(                    \
        B, L, E, N, z_stride, map_stride, chunk, grad_out, x, raw, Bs, Cs, z, bias, A_log, D,      \
        states, grad_x, grad_raw, grad_B, grad_C, grad_z, grad_bias, grad_A_log, grad_D);          \
    return 0;                                                                                      \
  }                                                                                                \
  int scan_forward_##S(long B, long L, long H, long P, long G, long N, long stride, long chunk,    \
                       const T *xBC, const T *dt, const float *bias, const float *A_log,           \
                       const float *D, T *y, float *states) {                                      \
    (N == 4 ? scan_forward<4, T> : scan_forward<0, T>)(B, L, H, P, G, N, stride, chunk, xBC, dt,   \
                                                       bias, A_log, D, y, states);                 \
    return 0;                                                                                      \
  }                                                                                                \
  int scan_backward_##S(long B, long L, long H, long P, long G, long N, long stride, long chunk,   \
                        const T *grad_y, const T *xBC, const T *dt, const float *bias,             \
                        const float *A_log, const float *D, const float *states, T *grad_xBC,      \
                        T *grad_dt, float *grad_bias, float *grad_A_log, float *grad_D) {          \
    (N == 4 ? scan_backward<4, T> : scan_backward<0, T>)(                                          \
        B, L, H, P, G, N, stride, chunk, grad_y, xBC, dt, bias, A_log, D, states, grad_xBC,        \
        grad_dt, grad_bias, grad_A_log, grad_D);                                                   \
    return 0;                                                                                      \
  }                                                                                                \
  }

EXPORT(float, f)
EXPORT(bf16, h)
