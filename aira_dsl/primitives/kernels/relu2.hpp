// relu(x)², element by element; NaN stays NaN.
#pragma once
#include "simd.hpp"

inline Vec positive(Vec x) { return x < Vec{} ? Vec{} : x; }

template <class T> void relu2_forward(long R, long F, const T *up, T *out) {
  for (long r = 0; r < R; r++, up += F, out += F)
    for (long f = 0; f < F; f += LANES) {
      Vec p = positive(load(up + f, F - f));
      store(out + f, p * p, F - f);
    }
}

template <class T>
void relu2_backward(long R, long F, const T *grad_out, const T *up, T *grad_up) {
  for (long r = 0; r < R; r++, up += F, grad_out += F, grad_up += F)
    for (long f = 0; f < F; f += LANES) {
      Vec p = positive(load(up + f, F - f));
      store(grad_up + f, load(grad_out + f, F - f) * (p + p), F - f);
    }
}
