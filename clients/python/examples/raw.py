import pickle, socket, sys
connection = socket.create_connection(('127.0.0.1', int(sys.argv[1]) if len(sys.argv) > 1 else 7777))
stream = connection.makefile('rwb')

def ask(*request):
    data = pickle.dumps(list(request), 2)
    stream.write(str(len(data)).encode() + b' ' + data)
    stream.flush()
    size = b''
    while not size.endswith(b' '):
        size += stream.read(1) or sys.exit('the server closed the connection')
    return pickle.loads(stream.read(int(size)))

print(ask('ver'), ask('new', 'Anna', 'secret')[0] or ask('login', 'Anna', 'secret')[0])
print(ask('move', (1, 0, 0)), ask('update'))
