"""A network of one hidden layer learns MNIST: a PyTorch program with its imports changed.

    python examples/mnist_program.py DATA [EPOCHS]

DATA is the folder with the four MNIST files; without it, the variable WINGBEAT_MNIST names it.
"""

# As in the original, arguments have no types.
# pyright: reportMissingParameterType=false, reportUnknownParameterType=false

import os
import sys

import wingbeat as wb
from wingbeat import data, nn, optim

folder = sys.argv[1] if len(sys.argv) > 1 else os.environ["WINGBEAT_MNIST"]
epochs = int(sys.argv[2]) if len(sys.argv) > 2 else 10

train, test = data.mnist(folder)
train_loader = data.DataLoader(train, batch_size=64, shuffle=True)
test_loader = data.DataLoader(test, batch_size=64, shuffle=False)


class Net(nn.Module):
    """784 pixels, 500 hidden units, 10 scores."""

    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(784, 500)
        self.relu = nn.ReLU()
        self.fc2 = nn.Linear(500, 10)

    def forward(self, x):
        """The scores of images of shape (n, 784)."""
        x = self.fc1(x)
        x = self.relu(x)
        return self.fc2(x)


model = Net()
criterion = nn.CrossEntropyLoss()
optimizer = optim.SGD(model.parameters(), lr=0.01)

for epoch in range(epochs):
    model.train()
    running_loss = 0.0
    for images, labels in train_loader:
        outputs = model(images)
        loss = criterion(outputs, labels)

        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

        running_loss += loss.item()
    print(f"Epoch [{epoch + 1}/{epochs}], Loss: {running_loss / len(train_loader):.4f}", flush=True)

model.eval()
correct = total = 0
with wb.no_grad():
    for images, labels in test_loader:
        predicted = wb.argmax(model(images), axis=1)
        total += labels.shape[0]
        correct += (predicted == labels).sum().item()

print(f"Test accuracy: {100 * correct / total:.2f} %")
