"""What of an ndarray a tensor does not have, and what to write instead."""

METHODS = {
    "base": "whose memory an array shows is NumPy's matter: take t.data.base",
    "byteswap": "it reads bytes in another order, which has no derivative: take t.data.byteswap()",
    "ctypes": "take t.data.ctypes",
    "data_ptr": "take t.data.ctypes.data",
    "device": "a tensor is where its array is: take t.data.device",
    "dump": "take np.save, or pickle t.detach()",
    "dumps": "take pickle.dumps(t.detach())",
    "flags": "take t.data.flags",
    "getfield": "it reads bytes as another type, which has no derivative: take t.data.getfield",
    "resize": "a tensor keeps its shape: write np.resize(t, shape), or t.reshape(shape)",
    "setfield": "it writes bytes as another type: assign to t[...]",
    "setflags": "take t.data.setflags",
    "strides": "take t.data.strides",
    "to_device": "a tensor is where its array is: make it from the array that t.data.to_device gives",
    "tobytes": "take t.numpy().tobytes()",
    "tofile": "take t.numpy().tofile(file), or np.save",
    "view": "it reads bytes as another type: take t[...] for a view, t.astype(dtype) to convert",
}
